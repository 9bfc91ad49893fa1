package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this very binary as `watchtower`, with the race
// detector when the tests have it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"watchtower": func() { os.Exit(mainExit()) }})
}

// TestScripts runs the sessions of testdata/script: commands, files, exact output.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(10 * time.Minute),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeport": cmdFreePort,
			"eventually": func(ts *testscript.TestScript, neg bool, args []string) {
				if err := eventually(ts, neg, args); err != nil {
					ts.Fatalf("%v", err)
				}
			},
			"retry":  cmdRetry,
			"render": cmdRender,
			"count":  cmdCount,
			"now":    cmdNow,
			"hup":    cmdHangUp,

			"history": cmdHistory,
			"grafana": grafanas{}.cmd,
			"status":  cmdStatus,
		},
	})
}

// cmdFreePort sets each named variable to a free loopback port: freeport WEB GRPC.
func cmdFreePort(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		ts.Check(err)
		_, port, err := net.SplitHostPort(ln.Addr().String())
		ts.Check(err)
		ts.Setenv(name, port)
		ts.Check(ln.Close())
	}
}

// patience is how long a script waits for something to become true.
const patience = 60 * time.Second

// eventually URL REGEXP waits until the page at URL answers 200 and matches; with
// ! until it no longer matches.
func eventually(ts *testscript.TestScript, negated bool, args []string) error { //nolint:revive // testscript gives every command its negation.
	if len(args) != 2 {
		return fmt.Errorf("usage: eventually URL REGEXP")
	}
	want, err := regexp.Compile(args[1])
	if err != nil {
		return err
	}
	last := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		body, err := fetch(args[0])
		if err == nil && want.MatchString(body) != negated {
			return nil
		}
		last = fmt.Sprintf("%v\n%s", err, body)
		wait(ts, 100*time.Millisecond)
	}
	return fmt.Errorf("after %s %s does not answer as expected (%q, negated: %v); last answer: %s", patience, args[0], args[1], negated, last)
}

// cmdRetry runs a command until it succeeds and its output matches: retry REGEXP
// COMMAND ARG...; with ! until the output no longer matches.
func cmdRetry(ts *testscript.TestScript, negated bool, args []string) { //nolint:revive // As above.
	if len(args) < 2 {
		ts.Fatalf("usage: retry REGEXP COMMAND ARG...")
	}
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := ts.Exec(args[1], args[2:]...); err == nil && want.MatchString(ts.ReadFile("stdout")) != negated {
			return
		}
		wait(ts, 200*time.Millisecond)
	}
	ts.Fatalf("after %s %s does not print %q (negated: %v); it printed: %s", patience, strings.Join(args[1:], " "), args[0], negated, ts.ReadFile("stdout")+ts.ReadFile("stderr"))
}

// cmdRender replaces $NAME in files by the script's variables.
func cmdRender(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// cmdCount demands that the page at URL matches exactly N times: count N URL REGEXP.
func cmdCount(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: count N URL REGEXP")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	body, err := fetch(args[1])
	ts.Check(err)
	if got := len(regexp.MustCompile(args[2]).FindAllString(body, -1)); got != want {
		ts.Fatalf("%s matches %q %d times, want %d:\n%s", args[1], args[2], got, want, body)
	}
}

// cmdHangUp sends SIGHUP to the program started last in the background.
func cmdHangUp(ts *testscript.TestScript, _ bool, _ []string) {
	running := ts.BackgroundCmds()
	if len(running) == 0 {
		ts.Fatalf("nothing runs in the background")
	}
	ts.Check(running[len(running)-1].Process.Signal(syscall.SIGHUP))
}

// cmdNow writes the time, in nanoseconds since 1970, over NOW in files, and that of
// half a second before over EARLIER. Over DATE it writes the time as JSON has it.
func cmdNow(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		now := time.Now()
		text := strings.NewReplacer(
			"NOW", strconv.FormatInt(now.UnixNano(), 10),
			"EARLIER", strconv.FormatInt(now.Add(-500*time.Millisecond).UnixNano(), 10),
			"DATE", now.UTC().Format(time.RFC3339Nano),
		).Replace(ts.ReadFile(name))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

func fetch(url string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", resp.Status)
	}
	return string(body), err
}

// wait pauses between two looks at another process.
func wait(_ *testscript.TestScript, d time.Duration) { <-time.After(d) }
