package session

// ASCII is the run up to the cursor as kernel commit messages draw it, or why there is none.
func (s *Session) ASCII() string {
	if s.run == nil {
		return s.because() + "\n"
	}
	return s.run.ASCII()
}
