package main

import (
	"encoding/xml"
	"fmt"
	"os"
)

// JUnit XML, as CI systems read it: a suite for every file, a case for every
// kernel of an expect line. A scenario that is n/a on a kernel is skipped.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
	seconds  float64
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// add puts an answer into the suite of its file. text is what was printed of it.
func (s *junitSuites) add(a answerJSON, text string) {
	if n := len(s.Suites); n == 0 || s.Suites[n-1].Name != a.File {
		s.Suites = append(s.Suites, junitSuite{Name: a.File})
	}
	suite := &s.Suites[len(s.Suites)-1]
	name := a.Kernel
	if a.Expected != "" {
		name += ": " + a.Expected
	}
	c := junitCase{Name: name, Class: a.File, Time: fmt.Sprintf("%.3f", a.Seconds), Out: text}
	switch {
	case !a.OK:
		c.Failure = &junitMessage{fmt.Sprintf("expected %s, but %s", a.Expected, a.Why), text}
		c.Out = ""
		suite.Failures++
		s.Failures++
	case a.Verdict == "n/a":
		c.Skipped = &junitMessage{Message: a.Why}
		suite.Skipped++
	}
	suite.Cases = append(suite.Cases, c)
	suite.Tests++
	suite.seconds += a.Seconds
	suite.Time = fmt.Sprintf("%.3f", suite.seconds)
	s.Tests++
}

func (s *junitSuites) write(file string) error {
	text, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append([]byte(xml.Header), append(text, '\n')...), 0o666); err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return nil
}
