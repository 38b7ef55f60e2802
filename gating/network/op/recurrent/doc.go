// Package recurrent holds recurrent layers: RNN, GRU and LSTM.
package recurrent

// Operators is the operators of this package.
var Operators = recurrentOps
