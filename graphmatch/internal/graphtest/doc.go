// Package graphtest builds models for the tests of graphmatch and its rooms, runs them, and puts their hidden units
// into random orders. Only tests import it: it is the one room that sees the network package, which computes what a
// reordered model must still compute.
package graphtest
