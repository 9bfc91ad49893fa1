package slack

import "sync"

// crew runs work in the background until it is told to stop. The zero value works.
type crew struct {
	mu      sync.Mutex
	stopped bool
	working sync.WaitGroup // grows only while stopped is false
}

// run starts do, unless the crew has stopped, and says whether it did.
func (c *crew) run(do func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.working.Go(do)
	return true
}

// stop returns once everything that runs has ended; nothing starts after it began.
func (c *crew) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.working.Wait()
}
