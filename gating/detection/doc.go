// Package detection is the geometry of object detectors: boxes, how far they overlap, which of many that say the same
// is kept, which prediction stands for which object, and how exact a list of predictions is.
//
// Boxes are x1, y1, x2, y2, in any unit that is the same everywhere: nothing here depends on the unit.
package detection
