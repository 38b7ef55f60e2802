// Package pairing finds which layers of one network stand for which of another.
//
// [Pair] compares canonical graphs by colour refinement (Weisfeiler and Leman, 1968): nodes are signed with all that
// lies upstream and downstream, then with their neighbours until no round tells more apart. Where the graphs are
// equal, remaining ties are broken by shapes, by names that an author gave, and by weights that are alike beyond
// chance. Where they differ, layers are rated pair by pair by all the evidence there is, and the best pairs are taken
// first.
package pairing
