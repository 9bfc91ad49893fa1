package playbooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Sample is one value that a query found.
type Sample struct {
	Labels map[string]string // none for a scalar
	Value  float64
}

// Query answers a PromQL expression as of a moment. It should return soon after ctx
// ends, and is called from several goroutines at once.
type Query func(ctx context.Context, expr string, at time.Time) ([]Sample, error)

const (
	// queryLanguage is the info string of a code block whose answer is shown.
	queryLanguage = "promql"
	// maxQueries is how many queries of a playbook are asked. A page needs a handful.
	maxQueries = 32
	// queriesAtOnce keeps a page from taking the store from those who look at it.
	queriesAtOnce = 4
	// queryPatience is the longest a query may take.
	queryPatience = 5 * time.Second
)

// answer is what is shown of a query's result, as lines of Markdown.
type answer struct {
	table []string // behind the query
	lines []string // in its place, on a small screen
}

// Evaluate asks the queries of the playbook, which are the code blocks with the info
// string promql, and returns it with each answer behind its block: a value, a table
// of the five largest (or what bottomk or sort put first), or why it is not known.
// Fill comes before: a query with a $label left in it is not asked.
//
// At most four queries are under way at a time. They share the time that ctx leaves,
// so that a slow one does not cost the others their answers, and what is not there
// when ctx ends is not known. The Hash stays that of the playbook as it was
// written; to evaluate it again asks again. Without a query function nothing changes.
func (p Playbook) Evaluate(ctx context.Context, query Query, at time.Time) Playbook {
	if query == nil {
		return p
	}
	p.hash, p.written, p.plain = p.Hash(), p.asWritten(), p.unanswered()
	lines := splitLines(p.plain)
	blocks := queryBlocks(lines)
	exprs := make([]string, len(blocks))
	for i, b := range blocks {
		exprs[i] = b.query(lines)
	}
	p.answers = answers(ctx, exprs, query, at)
	p.Body = withAnswers(lines, p.answers)
	return p
}

// answers asks every expression once and returns an answer for each.
func answers(ctx context.Context, exprs []string, query Query, at time.Time) []answer {
	known := map[string]answer{}
	var ask []string
	for _, expr := range exprs {
		if _, ok := known[expr]; ok {
			continue
		}
		name := placeholder.FindString(expr)
		switch {
		case strings.TrimSpace(expr) == "":
			known[expr] = notKnown("the query is empty")
		case name != "":
			known[expr] = notKnown("the alert has no label " + code(name[1:]) + " that can be filled in")
		case len(ask) == maxQueries:
			known[expr] = notKnown(fmt.Sprintf("only %d queries of a playbook are asked", maxQueries))
		default:
			known[expr] = notKnown(failure(context.DeadlineExceeded)) // until it is answered
			ask = append(ask, expr)
		}
	}
	maps.Copy(known, askAll(ctx, ask, query, at))
	out := make([]answer, len(exprs))
	for i, expr := range exprs {
		out[i] = known[expr]
	}
	return out
}

// askAll returns the answers that came before ctx ended.
func askAll(ctx context.Context, exprs []string, query Query, at time.Time) map[string]answer {
	type reply struct {
		expr string
		answer
	}
	// Both channels have room for all: a query that does not mind its context holds its
	// place, but nobody waits for it.
	replies := make(chan reply, len(exprs))
	places := make(chan struct{}, queriesAtOnce)
	got := map[string]answer{}
	turns := (len(exprs) + queriesAtOnce - 1) / queriesAtOnce
	ctx, cancel := context.WithTimeout(ctx, time.Duration(turns)*queryPatience)
	defer cancel()
	if turns == 0 || ctx.Err() != nil {
		return got
	}
	patience := queryPatience
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end)/time.Duration(turns))
	}
	collect := func(r reply) { got[r.expr] = r.answer }
	for _, expr := range exprs {
		for free := false; !free; {
			select {
			case places <- struct{}{}:
				free = true
			case r := <-replies:
				collect(r)
			case <-ctx.Done():
				return got
			}
		}
		go func() {
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			samples, err := query(ctx, expr, at)
			switch {
			case err == nil:
				replies <- reply{expr, answered(samples, ascending(expr))}
			case ctx.Err() != nil: // the engine has words of its own for it
				replies <- reply{expr, notKnown(failure(ctx.Err()))}
			default:
				replies <- reply{expr, notKnown(failure(err))}
			}
		}()
	}
	for len(got) < len(exprs) {
		select {
		case r := <-replies:
			collect(r)
		case <-ctx.Done():
			for { // what came in the same moment is an answer too
				select {
				case r := <-replies:
					collect(r)
				default:
					return got
				}
			}
		}
	}
	return got
}

// failure says in a few words why a query has no answer.
func failure(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return "the query failed (no answer in time)"
	}
	return "the query failed (" + code(err.Error()) + ")"
}

func notKnown(why string) answer {
	said := []string{"→ not known: " + why}
	return answer{table: said, lines: said}
}

// block is a code block with a query: its first and last line, fences included.
type block struct {
	first, last int
	open        string // the line that opens it, see line
	closed      bool
}

// indent is what stands before the block's fence.
func (b block) indent() string { return b.open[:len(b.open)-len(strings.TrimLeft(b.open, " \t"))] }

// query is what stands between the fences; line i of it is line first+1+i of the text.
func (b block) query(lines []line) string {
	end := b.last
	if !b.closed {
		end++
	}
	texts := make([]string, 0, end-b.first)
	for _, l := range lines[b.first+1 : max(end, b.first+1)] {
		texts = append(texts, l.text)
	}
	return strings.Join(texts, "\n")
}

// queryBlocks finds the code blocks whose answers are shown.
func queryBlocks(lines []line) []block {
	var found []block
	for _, b := range codeBlocks(lines) {
		info := strings.Fields(strings.TrimLeft(strings.TrimSpace(b.open), "`~"))
		if len(info) > 0 && strings.EqualFold(info[0], queryLanguage) {
			found = append(found, b)
		}
	}
	return found
}

func codeBlocks(lines []line) []block {
	var found []block
	for i := 0; i < len(lines); i++ {
		if lines[i].opens == "" {
			continue
		}
		b := block{first: i, last: i, open: lines[i].opens}
		for mark := fenceMark(b.open); !b.closed && b.last+1 < len(lines); {
			b.last++
			b.closed = closesFence(lines[b.last].text, mark)
		}
		found = append(found, b)
		i = b.last
	}
	return found
}

// withAnswers is the text of lines with an answer behind each query.
func withAnswers(lines []line, answers []answer) string {
	blocks := queryBlocks(lines)
	var out strings.Builder
	put := func(s string) { out.WriteString(s + "\n") }
	next := 0 // the line to write
	for i, b := range blocks {
		if i >= len(answers) {
			break
		}
		for ; next <= b.last; next++ {
			put(lines[next].text)
		}
		if !b.closed {
			put(closing(b.open))
		}
		for _, l := range answers[i].table {
			put(b.indent() + l)
		}
		// The line that follows must not go on with the answer. The next item of the list
		// that the query is in does not.
		if next < len(lines) && goesOn(lines[next]) {
			if w, _ := itemMark(lines[next]); w == 0 || indentOf(lines[next].text) >= len(b.indent()) {
				put("")
			}
		}
	}
	for ; next < len(lines); next++ {
		put(lines[next].text)
	}
	return out.String()
}

// goesOn tells whether a line would be taken for a part of the paragraph or table
// before it.
func goesOn(l line) bool { return !isBlank(l.text) && l.opens == "" }
