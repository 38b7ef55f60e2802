// Package imaging makes numbers for a network out of image files: it decodes, resizes, crops and normalises as the
// libraries do that networks are trained with.
//
// A [Preprocess] says what is to be done; its zero value squashes an image to the size of the graph's input, with red,
// green and blue from 0 to 1 where the graph takes floats and from 0 to 255 where it takes integers. [Parse] reads one
// from the preprocessor_config.json of Hugging Face or the config.json of timm, or from the word imagenet. [Fit] makes
// of it a [Pipeline] for one graph input, which takes the bytes of one image at a time, wherever they come from:
//
//	pipe, err := imaging.Fit(preprocess, shape, isFloat) // shape of the graph's input, batch first, -1 is open
//	size, err := pipe.Measure(bytes.NewReader(encoded))   // where the graph leaves height and width open
//	pipe, err = pipe.WithSize(size)
//	err = pipe.Floats(dst, bytes.NewReader(encoded))      // of pipe.Len() elements, laid out as pipe.Shape() says
//
// Resizing is Pillow's, to the bit: filters as wide as the scale where an image shrinks (antialiased), coefficients
// in fixed point, across first and down then, rounded to bytes between. Sizes and places of crops are
// torchvision's. Chroma of JPEG and WebP files is interpolated as libjpeg and libwebp do. The rotation that cameras
// note and transparency are ignored, as torchvision's ImageFolder does.
//
// Files are untrusted: their size is looked at before they are decoded. Every error is of kind [ErrImage] and has a
// hint.
package imaging
