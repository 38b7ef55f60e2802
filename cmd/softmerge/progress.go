package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/softmerge/softmerge/gating"
)

// progress shows a merge under way: a bar with loss and remaining time on a
// terminal, a plain line now and then elsewhere.
type progress struct {
	v     *voice
	bar   *progressbar.ProgressBar
	began time.Time
	last  time.Time
}

// lineEvery is how often a plain line is printed.
const lineEvery = 5 * time.Second

func newProgress(v *voice) *progress { return &progress{v: v} }

// event takes news of the merge.
func (p *progress) event(e gating.Event) {
	if p.v.quiet || e.Stage != "learn" {
		return
	}
	if e.Step == 1 {
		p.close()
		p.began, p.last = time.Now(), time.Now()
		if p.v.terminal() {
			p.bar = progressbar.NewOptions(e.Steps, progressbar.OptionSetWriter(p.v.err), progressbar.OptionClearOnFinish(),
				progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond))
		}
	}
	switch {
	case p.bar != nil:
		p.bar.Describe(fmt.Sprintf("gates by %s, loss %.4f", e.Granularity, e.Loss))
		p.bar.Set(e.Step)
	case e.Step == e.Steps:
		p.v.say("gates by %s: %d steps, loss %.4f", e.Granularity, e.Steps, e.Loss)
	case time.Since(p.last) >= lineEvery:
		p.last = time.Now()
		left := time.Since(p.began) / time.Duration(e.Step) * time.Duration(e.Steps-e.Step)
		p.v.say("gates by %s: step %d of %d, loss %.4f, %v left", e.Granularity, e.Step, e.Steps, e.Loss, left.Round(time.Second))
	}
}

// close removes the bar.
func (p *progress) close() {
	if p.bar != nil {
		p.bar.Finish()
		p.bar = nil
	}
}
