// Package rebasin brings the hidden units of a model into the order that fits another model's weights best: weight
// matching (Git Re-Basin, arXiv 2209.04836, algorithm 1).
//
// A [Matcher] holds the weights of both models and solves one linear assignment problem for each set of
// units while the others stay, until no set improves. [Reorder] turns the orders found into edits of the file.
package rebasin
