// Package collectors brings telemetry in: it is everything between a backend that emits and the store that keeps.
//
// Two ways lead in. An embedded OpenTelemetry Collector receives OTLP (gRPC and HTTP), turns spans into RED metrics
// before any sampling, and runs whatever further Collector components the user configures. Prometheus' own scrape and
// discovery managers scrape targets straight into the store, so nothing is lost in translation.
//
// Words used here:
//
//   - acknowledged: the store has committed. OTLP is answered only then; no batch processor and no queue lies between.
//   - refused: the data cannot be stored however often it is sent; the sender is told why and does not send it again.
//   - deferred: there is no room or no store just now; the sender is told when to send the same data again.
//
// Nothing is dropped without an answer. The collectors write Prometheus samples through storage.AppendableV2 with the
// names, units, metadata, exemplars and start times that Prometheus' own OTLP endpoint would give them.
//
// A program builds one Collectors and runs it:
//
//	c, err := collectors.New(collectors.Options{Config: collectors.DefaultConfig(), Store: store})
//	if err != nil {
//		return err
//	}
//	return c.Run(ctx)
package collectors
