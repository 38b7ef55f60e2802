// Package recurrent holds recurrent layers: RNN, GRU and LSTM.
package network

// recurrentOperators is the operators of this package.
var recurrentOperators = recurrentOps
