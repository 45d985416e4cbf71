package supervision

// Suspend makes all actors whose path matches the pattern of Kill wait: what is
// told to them, their timers and the news of monitors stay where they are until
// Resume, over restarts too. A stop still ends them. Supervisors are not
// suspended. It returns how many actors that were.
func (t *Tree) Suspend(pattern string) int { return t.pause(pattern, true) }

// Resume ends what Suspend began; nothing was lost.
func (t *Tree) Resume(pattern string) int { return t.pause(pattern, false) }

func (t *Tree) pause(pattern string, on bool) int {
	t.mu.RLock() // nobody is abandoned meanwhile
	defer t.mu.RUnlock()
	count := 0
	for _, c := range t.inOrder() {
		if c.child.spec == nil && Match(pattern, c.path) {
			c.box.suspend(on)
			count++
		}
	}
	return count
}

// postpone keeps back what a suspended actor must not see yet, and handles
// pause itself.
func (c *cell) postpone(m control) bool {
	switch m := m.(type) {
	case pause:
		c.suspended = m.on
		if !m.on {
			waiting := c.paused
			c.paused = nil
			for _, notice := range waiting {
				c.box.post(notice)
			}
		}
		return true
	case wakeLife, downNotice:
		if c.suspended {
			c.paused = append(c.paused, m)
			return true
		}
	}
	return false
}
