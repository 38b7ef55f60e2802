package report

import (
	"errors"
	"fmt"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx/advice"
)

// failure is what a command that fails prints with --json.
type failure struct {
	Error      string                   `json:"error"`
	Hint       string                   `json:"hint"`
	Code       int                      `json:"code"`
	Candidates []search.ReportCandidate `json:"candidates,omitempty"` // if the merge got as far as judging them
	Groups     []search.ReportGroup     `json:"groups,omitempty"`
}

// Failure says that a command failed and returns its exit code.
func Failure(v *terminal.Voice, err error) int {
	code := exit.Code(err)
	v.Fail(err)
	if v.JSON {
		f := failure{Error: err.Error(), Hint: advice.Hint(err), Code: code}
		if j := (*judgedError)(nil); errors.As(err, &j) {
			f.Candidates, f.Groups = j.candidates, j.groups
		}
		v.Object(f)
	}
	return code
}

// judgedError is an error after candidates were judged: scripts want to see them too.
type judgedError struct {
	candidates []search.ReportCandidate
	groups     []search.ReportGroup
	error
}

// Unwrap returns the error alone.
func (e *judgedError) Unwrap() error { return e.error }

// NoGain is the error that no candidate of a merge beat the best parent.
func NoGain(r *search.Report) error {
	return &judgedError{r.Candidates, r.Groups, advice.With(
		fmt.Errorf("%w, %s, on the held-out data; nothing written", search.ErrNoGain, r.ChosenCandidate().Parent),
		moreData(r)+"merge fine-tunes of one start, choose layers with --only, "+
			"or take the parent with --allow-parent",
	)}
}

// moreData says how many samples would probably decide about the candidate that comes closest to being better, and
// what was seen of it; where none looks better no number would help.
func moreData(r *search.Report) string {
	var closest *search.ReportCandidate
	for i := range r.Candidates {
		c := &r.Candidates[i]
		if c.MoreSamples > 0 && c.P != nil && *c.P < 0.5 && (closest == nil || c.MoreSamples < closest.MoreSamples) {
			closest = c
		}
	}
	if closest == nil {
		return "no candidate looks better in both loss and metric: "
	}
	return fmt.Sprintf("%s looks better than the best parent, as chance does in %.0f of 100 cases: about %d samples "+
		"beside the %d would probably tell: give more data, ", closest.Name, 100**closest.P, closest.MoreSamples,
		r.HeldOut)
}
