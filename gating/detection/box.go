package detection

// Box is x1, y1, x2, y2. A box whose right is left of its left is empty.
type Box [4]float64

// Object is one thing in a picture: its class and where it is.
type Object struct {
	Class int
	Box   Box
}

// Objects reads the label of one sample: rows of class, x1, y1, x2, y2, of which those with a negative class only
// pad.
func Objects(rows []float32) []Object {
	var list []Object
	for ; len(rows) >= objectSize; rows = rows[objectSize:] {
		if rows[0] >= 0 {
			list = append(list, Object{int(rows[0]), box(rows[1:])})
		}
	}
	return list
}

// objectSize is how many numbers a label has for an object.
const objectSize = 5

func box(v []float32) Box {
	return Box{float64(v[0]), float64(v[1]), float64(v[2]), float64(v[3])}
}

func (b Box) area() float64 { return max(0, b[2]-b[0]) * max(0, b[3]-b[1]) }

// overlap is the area that two boxes share.
func overlap(a, b Box) float64 {
	return Box{max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])}.area()
}

// IoU is the area that two boxes share, relative to the area that they cover together; 0 where they cover none.
func IoU(a, b Box) float64 {
	shared := overlap(a, b)
	if covered := a.area() + b.area() - shared; covered > 0 {
		return shared / covered
	}
	return 0
}

// GIoU is the IoU less the share of the smallest box around both that neither covers (H. Rezatofighi and others,
// arXiv 1902.09630): from -1 to 1, and unlike the IoU it says how far apart boxes are that share nothing.
func GIoU(a, b Box) float64 {
	v, _ := giou(a, b)
	return v
}

// giou is GIoU and its gradient with respect to the first box, which is 0 where it is not defined.
func giou(a, b Box) (v float64, gradient Box) {
	shared, areaA := overlap(a, b), a.area()
	union := areaA + b.area() - shared
	around := Box{min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])}
	hull := around.area()
	if union <= 0 || hull <= 0 {
		return -1, gradient
	}
	v = shared/union + union/hull - 1
	dArea, dShared, dHull := areaGradient(a), Box{}, areaGradient(around)
	if shared > 0 {
		dShared = areaGradient(Box{max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])})
	}
	for k := range gradient {
		inner, outer := a[k] > b[k], a[k] < b[k] // of the lower sides, which bounds the shared box and which the hull
		if k >= 2 {
			inner, outer = outer, inner
		}
		if !inner {
			dShared[k] = 0
		}
		if !outer {
			dHull[k] = 0
		}
		dUnion := dArea[k] - dShared[k]
		gradient[k] = (dShared[k]*union-shared*dUnion)/(union*union) + (dUnion*hull-union*dHull[k])/(hull*hull)
	}
	return v, gradient
}

// areaGradient is the gradient of a box's area with respect to its sides.
func areaGradient(b Box) Box {
	width, height := b[2]-b[0], b[3]-b[1]
	if width <= 0 || height <= 0 {
		return Box{}
	}
	return Box{-height, -width, height, width}
}
