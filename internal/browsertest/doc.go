// Package browsertest looks at pages in a headless Chromium, for tests: through windows of
// a desk and of a phone, by day and by night, with what axe-core says of their
// accessibility, and by the keyboard alone.
//
//	for _, w := range browsertest.Windows() {
//		ctx := browsertest.Open(t, w)
//		browsertest.Go(ctx, t, server.URL+"/status")
//		browsertest.Check(ctx, t, "/status at "+w.String())
//	}
//
// It needs what scripts/install-test-programs installs, and says so where it is missing.
package browsertest
