// Package qdq turns quantised networks in QDQ form into networks of float weights that can be mixed and learned from.
//
// QDQ is how quantisers write networks so that any runtime can read them: weights are integers behind a
// DequantizeLinear, and activations go through a pair of QuantizeLinear and DequantizeLinear. (The other form has
// operators that compute with integers, QLinearConv and its like.)
//
// [Dequantise] replaces a weight by the floats that its DequantizeLinear gives, exactly, and a pair by the Clip to the
// range that its integers can represent. The Clip matters: quantisers drop a Relu or Clip whose bounds the integers
// keep anyway. What is lost is the rounding of activations, so that the float network is the one that was quantised, to
// within the rounding of its weights.
package qdq
