package store

import "testing"

// A read that writers overtake again and again holds them off, instead of
// failing: the journal would stop for good.
func TestReadThatIsOvertakenHoldsWritersOff(t *testing.T) {
	s, _ := opened(t)
	tries, held := 0, false
	err := s.file.view(func(*reader) error {
		if tries++; tries <= overtaken {
			return errOvertaken // as if the head of its transaction were gone
		}
		if held = !s.file.mutex.TryLock(); !held {
			s.file.mutex.Unlock()
		}
		return nil
	})
	if err != nil || tries != overtaken+1 || !held {
		t.Errorf("%v after %d tries; writers are held off: %t", err, tries, held)
	}
	if !s.file.mutex.TryLock() {
		t.Fatal("writers are held off for ever")
	}
	s.file.mutex.Unlock()
}
