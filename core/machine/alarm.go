package machine

import "fmt"

// An Alarm is a ghost that a step raises where a claim about a step, rather
// than about a state, is broken.
type Alarm uint8

const (
	AlarmFreedTable      Alarm = iota // a walker read an entry of a table that was freed
	AlarmStaleTLB                     // an access went through a TLB entry of a frame that was freed
	AlarmPinnedFreed                  // a frame was freed that somebody holds through GUP
	AlarmBadPage                      // a frame was freed although its count was not zero
	AlarmRefOnZero                    // a reference was added to a count of zero
	AlarmRefUnderflow                 // a reference was dropped that nobody held
	AlarmForeignPage                  // GUP returned a page that was not mapped there during the call
	AlarmUnpinShared                  // a pin of an anonymous page was given back that was not exclusive any more
	AlarmLostStore                    // memory reads other than what a CPU last stored there
	AlarmLostDMA                      // memory reads other than what a device last wrote there
	AlarmUnnoticedStore               // a page of a file was stored to and its file system had not been asked
	AlarmUnexpectedDirty              // a page of a file was marked dirty and its file system had not been asked
	AlarmUnstable                     // a page was stored to while its device read it
	AlarmNoBuffers                    // writeback met a dirty page without buffers
	AlarmNullMapping                  // GUP followed folio->mapping after truncation had set it to NULL
	AlarmFreedMapping                 // GUP followed folio->mapping to an inode that was freed
	AlarmTornEntry                    // GUP-fast read halves of two page-table entries
	AlarmUnshareWritable              // unsharing a page made its PTE writable
	AlarmPinnedSplit                  // a large folio was split although pins of it were counted
	AlarmUnequalMerged                // KSM put its page in the place of one that holds something else
	AlarmDeviceTooLate                // a device reached a page that was given back, and freed
	AlarmStaleSecondary               // a guest's access used a translation whose frame was freed
	AlarmThrottledInode               // a throttled writer went by the mapping of an inode that was freed
	AlarmMissedStore                  // a page was stored to after it was copied, and the copy took its place
	AlarmReadOther                    // a page was read from swap that held something else when it left
	AlarmFreedBlock                   // a block was given back while a direct write to it was in flight
	AlarmUnwatched                    // memory was written to, or got for writing, that is watched, and is not soft-dirty
	Alarms
)

// Alarm is the ghost of an alarm: 0, or what raised it plus one.
func (m *Machine) Alarm(a Alarm) Word { return m.at(m.alarm, int(a)) }

// Raise raises an alarm; what names the frame, page or task concerned.
func (m *Machine) Raise(a Alarm, what uint64) {
	if w := m.Alarm(a); m.Track.Alarms>>a&1 != 0 && m.Peek(w) == 0 {
		m.Store(w, what+1)
	}
}

func (m *Machine) alarmText(_ int, v uint64) string {
	if v == 0 {
		return "no"
	}
	return fmt.Sprintf("raised by %d", v-1)
}
