package terminal

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/rivo/uniseg"
)

// Progress shows work that goes on in steps: on a terminal a bar that is drawn over again, elsewhere a plain
// line now and then. The work may come in several rounds, each of which counts its steps from 1.
type Progress struct {
	v     *Voice
	now   func() time.Time
	width int       // of the terminal that messages go to, 0 if they go elsewhere
	began time.Time // when the round began
	last  time.Time // when something was last shown
	drawn bool      // a bar stands on the line
}

const (
	lineEvery = 5 * time.Second        // between plain lines
	drawEvery = 100 * time.Millisecond // between bars
	barWidth  = 30
)

// NewProgress shows progress where messages go; none if the program is to be quiet.
func NewProgress(v *Voice) *Progress { return &Progress{v: v, now: time.Now, width: width(v.Err)} }

// Step tells that a step of a round is done: steps count from 1. What says what is done and how it stands,
// in one line.
func (p *Progress) Step(step, steps int, what, state string) {
	if p.v.Quiet {
		return
	}
	now := p.now()
	if step == 1 {
		p.Close()
		p.began, p.last = now, now
	}
	left := (now.Sub(p.began) / time.Duration(step) * time.Duration(steps-step)).Round(time.Second)
	switch {
	case p.width > 0:
		if step == 1 || now.Sub(p.last) >= drawEvery {
			p.draw(fmt.Sprintf("%s, %s %s %d/%d, %v left", what, state, bar(step, steps), step, steps, left))
			p.last = now
		}
	case step == steps:
		p.v.Say("%s: %d steps, %s", what, steps, state)
	case now.Sub(p.last) >= lineEvery:
		p.last = now
		p.v.Say("%s: step %d of %d, %s, %v left", what, step, steps, state, left)
	}
}

// Close removes the bar, so that other messages can follow. It may be called again.
func (p *Progress) Close() {
	if p.drawn {
		p.draw("")
		p.drawn = false
	}
}

// draw puts a line in place of the last one, cut to the terminal's width: a line that wraps cannot be
// drawn over.
func (p *Progress) draw(line string) {
	line = Printable(line)
	for uniseg.StringWidth(line) >= p.width && line != "" {
		line = line[:len(line)-1]
	}
	const clear = "\r\x1b[K" // ECMA-48: to the start of the line, erase to its end
	fmt.Fprint(p.v.Err, clear+strings.ToValidUTF8(line, ""))
	p.drawn = true
}

// bar is a picture of how much is done.
func bar(step, steps int) string {
	done := barWidth * step / cmp.Or(steps, 1)
	return "[" + strings.Repeat("=", done) + strings.Repeat(" ", barWidth-done) + "]"
}
