// Package store keeps what was measured: a Prometheus TSDB for the metrics, its
// PromQL engine and HTTP API, a second TSDB for the ledger's slices, and the
// SQLite file for everything else.
//
// # Words
//
// A sample is committed when the transaction it was appended in returned nil
// from Commit: it is in the write-ahead log and survives a kill -9. The observer
// is the one listener for committed samples (the ledger of the rules engine). A
// series is watched when the observer gave it an id.
//
// # Observing
//
// The observer is asked once per series whether it wants it, and then gets each
// committed sample of that series, in the order in which it was appended. Every
// way in goes through the same wrapper: scrape, OTLP, remote write and recording
// rules. A sample that Append refuses, or that is rolled back, or whose Commit
// fails, is never observed.
//
// The TSDB answers nil to some samples that it then drops without a word: an
// exact repetition of the newest sample, the second of two samples for one
// moment in one transaction, a repetition inside its out-of-order chunk. From
// outside, only the time of a sample can tell. So a sample at the time of the
// newest observed sample of its series is not observed again, and an older one
// is observed although it may be a repetition: an observer must take a sample at
// or before the newest time it knows as a reason to count that stretch again, and
// never as an increment.
//
// # Example
//
//	st, err := store.Open(store.Options{Dir: "data", Config: store.DefaultConfig(), Logger: logger, Registerer: reg})
//	if err != nil {
//		return err // one sentence: in use, not writable, damaged
//	}
//	defer st.Close()
//	st.SetObserver(ledger)
//	mux.Handle("/api/v1/", st.API(store.APIOptions{Version: version}))
package store
