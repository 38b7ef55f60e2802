package tape

// Data is the elements of one vector while a program runs: F of a float vector, I of an integer vector. Both are nil
// where the elements are not there for the one who asks.
type Data struct {
	F []float32
	I []int64
}

// Function computes vectors from vectors. It belongs to one place in one program and may keep scratch memory.
//
// step counts the runs of the program from 1: what a function shares between its calls is new with every step.
// A panic in a function becomes an error of the run.
type Function interface {
	// Forward writes all outputs from the inputs. It is called once a step, before any Backward of that step.
	Forward(step uint64, in, out []Data) error
	// Backward writes dx, the gradient of the cost with respect to input i through output k, given dy, that with
	// respect to output k. Inputs and outputs are as in Forward where the function's Reads asks for them. It is called
	// for float inputs and outputs that Flows names.
	Backward(step uint64, i, k int, in, out []Data, dy, dx []float32) error
}

// Kind says what a vector holds.
type Kind int

const (
	Floats Kind = iota // float32 elements
	Ints               // int64 elements, through which no gradient flows
	Scalar             // one float32: a term of the cost
)

// Shape is what is known of a vector before its elements are.
type Shape struct {
	Kind Kind
	Len  int // number of elements; 1 for a Scalar
}

// Vector is a value of a program.
type Vector struct {
	Shape
	number int
}

// Reads is what one call of Backward reads beside dy: elements of inputs by their places, and of the outputs.
type Reads struct {
	In  []int
	Out bool
}

// Call is a function at its place in a program.
type Call struct {
	Op   string // the kind of function, for messages
	Name string // for messages
	Function
	In    []*Vector
	Out   []Shape
	Flows func(i, k int) bool  // whether a gradient flows to input i through output k; nil for none
	Reads func(i, k int) Reads // what Backward reads; nil for all inputs and outputs
	// Own keeps the outputs' memory for this call alone: its Backward reads outputs that Reads does not tell of.
	Own bool
}

// Program is a sequence of parameters and functions.
type Program struct {
	items   []item
	vectors []*Vector
}

// item is a parameter, which has a vector and elements, or a call with its results.
type item struct {
	call   *Call
	out    []*Vector
	name   string
	values []float32
}

// New returns an empty program.
func New() *Program { return &Program{} }

// Parameter adds a vector that a gradient is wanted for. The values stay the caller's: every run reads what they are
// then. Names of parameters are unique in a program.
func (p *Program) Parameter(name string, values []float32) *Vector {
	v := p.vector(Shape{Floats, len(values)})
	p.items = append(p.items, item{name: name, values: values, out: []*Vector{v}})
	return v
}

// Apply adds a function over vectors of the program and returns its outputs.
func (p *Program) Apply(c Call) []*Vector {
	list := make([]*Vector, len(c.Out))
	for k, s := range c.Out {
		list[k] = p.vector(s)
	}
	p.items = append(p.items, item{call: &c, out: list})
	return list
}

// Reached finds the vectors that a gradient of any of some vectors flows to, those themselves among them.
func (p *Program) Reached(from ...*Vector) map[*Vector]bool {
	reached := map[*Vector]bool{}
	for _, v := range from {
		reached[v] = true
	}
	for at := len(p.items) - 1; at >= 0; at-- {
		c := p.items[at].call
		if c == nil || c.Flows == nil {
			continue
		}
		for k, out := range p.items[at].out {
			for i, in := range c.In {
				if reached[out] && c.Flows(i, k) {
					reached[in] = true
				}
			}
		}
	}
	return reached
}

func (p *Program) vector(s Shape) *Vector {
	v := &Vector{s, len(p.vectors)}
	p.vectors = append(p.vectors, v)
	return v
}
