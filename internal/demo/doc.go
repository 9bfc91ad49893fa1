// Package demo is a small influencer backend that goes viral in front of a real
// Watchtower.
//
// Four HTTP services on loopback (auth, feed, share, media) call each other, are
// instrumented as production services are (OpenTelemetry SDK for traces and
// metrics over OTLP, client_golang for scraping), and are driven by a load
// generator that follows a [Story]: calm, ten times the traffic within a minute,
// then a bad release of share that is rolled back. Nothing in Watchtower knows
// that it is a demo: the same binary serves production.
//
// Words: a phase is a stretch of the story; the fault is the bad release; history
// is four weeks of samples written before the server opens its store.
package demo
