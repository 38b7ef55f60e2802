// Package method has closed-form merges by the names under which people know them: tensors in, tensors out.
//
// A method sees one parameter of a layer at a time, in all models, and returns its merged values. It knows no file, no
// graph and no data: what the tensor is in the network (a linear map's weight, how deep it lies) is said by whoever
// reads the models. So a merge of models of any size holds the values of one parameter.
//
// For models theta_1 .. theta_J with weights w_j that add up to one, and a start theta_0 from which all were trained,
// the task vectors are tau_j = theta_j - theta_0 (arXiv 2212.04089). Without a start it is the models' weighted mean.
// Where a paper sums task vectors, J w_j tau_j is summed, which is the same for equal weights.
//
// Methods of matrices look at weights of linear maps, a row an output; a convolution is the matrix of outputs by inputs
// times kernel. All else, biases, scales, tables of embeddings, they average. Other methods take every tensor alike.
package method
