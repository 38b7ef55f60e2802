// Package symmetry derives from a model's graph which of its hidden units may be reordered without changing what it
// computes (Git Re-Basin, arXiv 2209.04836, section 3, writes these specifications by hand for each network).
//
// [Trace] follows every axis that a layer makes from operator to operator. Each operator has a rule that says how the
// order of its inputs' axes becomes the order of its outputs'; an operator without a rule, or arrays that its rule
// does not cover, fix the order of all that is read. Axes combined element by element carry one order, so their sets of
// units are joined. Concatenation, slicing, groups and heads divide sets or string them together. Lengths that the
// graph computes from shapes are followed as far as they are certain.
//
// The result lists the sets that are free ([Set]) and every parameter, or block of one, whose axes count them
// ([Block]).
package symmetry
