package inbox

import (
	"fmt"
	"net/http"
	"time"
)

// serveEvents tells an open page, by server-sent events, that there is something new: its data is the version of what is
// there, once at the beginning and then after every change. It ends with the request, or with Close.
func (b *Inbox) serveEvents(w http.ResponseWriter, r *http.Request) {
	stream := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	for said := ""; ; {
		changed, now := b.changes.next()
		line := ": still here\n\n"
		if now != said {
			line, said = "data: "+now+"\n\n", now
		}
		// A server's limit on writing is for answers that end; not every writer has one.
		_ = stream.SetWriteDeadline(time.Now().Add(time.Minute))
		if _, err := fmt.Fprint(w, line); err != nil {
			return
		}
		if err := stream.Flush(); err != nil {
			return
		}
		select {
		case <-changed:
		case <-beat.C:
		case <-r.Context().Done():
			return
		case <-b.closing:
			return
		}
	}
}
