// Package card draws the picture that other sites show of a link: a PNG, for many of them draw no SVG.
//
//	gupscope · gup-fast-vs-reclaim
//	v6.12 − gup_pte_recheck
//	Reclaim unmaps the page between GUP-fast's load of the PTE and its reference.
//
//	CPU0 (P0)   CPU1 (P1)   CPU2 (P2)
//	gup_fast(): disable interrupts
//	…
//	*** gup-returns-only-mapped-pages is false
//
//	found by this server: Sometimes gup-returns-only-mapped-pages, 48 steps
//
// It is a package of its own because the WASM has no use for its fonts.
package card

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Width and Height are what sites that show previews ask for.
const (
	Width  = 1200
	Height = 630
)

// A Card is what the picture shows.
type Card struct {
	Title  string // of the scenario
	Kernel string
	About  string   // the sentence that the scenario begins with
	Lines  []string // the race in columns of text, or the program that has not begun; no line is cut that has at most 75 characters
	Says   string   // what is known of it: the verdict
	Wrong  bool     // something goes wrong
}

// Colours of the page in the light.
var (
	paper = color.RGBA{0xfb, 0xfa, 0xf9, 0xff}
	panel = color.RGBA{0xff, 0xff, 0xff, 0xff}
	line  = color.RGBA{0xdf, 0xdb, 0xd5, 0xff}
	ink   = color.RGBA{0x1c, 0x1b, 0x1a, 0xff}
	muted = color.RGBA{0x63, 0x60, 0x5b, 0xff}
	blue  = color.RGBA{0x0a, 0x62, 0xa8, 0xff}
	wrong = color.RGBA{0xb0, 0x12, 0x2b, 0xff}
	good  = color.RGBA{0x00, 0x74, 0x4d, 0xff}
)

const (
	margin = 56
	inside = 22 // of the panel that the lines stand in, at its sides
	above  = 16 // and above and below them
	leaded = 24 // from line to line in it
)

// faces are the fonts in their sizes. A face is nobody's but who draws with it.
type faces struct{ brand, title, kernel, about, mono, strong, says font.Face }

var parsed = sync.OnceValue(func() (fonts [4]*opentype.Font) {
	for i, ttf := range [][]byte{goregular.TTF, gobold.TTF, gomono.TTF, gomonobold.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic("card: Go's own fonts are fonts: " + err.Error())
		}
		fonts[i] = f
	}
	return fonts
})

func newFaces() faces {
	fonts := parsed()
	face := func(font, size int) font.Face {
		f, err := opentype.NewFace(fonts[font], &opentype.FaceOptions{Size: float64(size), DPI: 72})
		if err != nil {
			panic("card: a font has every size: " + err.Error())
		}
		return f
	}
	return faces{brand: face(1, 26), title: face(1, 46), kernel: face(2, 22), about: face(0, 25), mono: face(2, 20), strong: face(3, 20), says: face(1, 25)}
}

// PNG draws the card.
func PNG(c *Card) []byte {
	m := image.NewRGBA(image.Rect(0, 0, Width, Height))
	fill(m, m.Bounds(), paper)
	f := newFaces()
	p := pen{m}
	p.write(f.brand, blue, Width-margin-p.width(f.brand, "gupscope"), 84, "gupscope")
	p.write(f.title, ink, margin, 88, p.fit(f.title, c.Title, Width-3*margin-p.width(f.brand, "gupscope")))
	p.write(f.kernel, muted, margin, 126, p.fit(f.kernel, c.Kernel, Width-2*margin))
	y := 166
	for _, l := range p.wrap(f.about, c.About, Width-2*margin, 2) {
		p.write(f.about, ink, margin, y, l)
		y += 32
	}
	bottom := Height - 34
	if c.Says != "" {
		bottom -= 48
		as := good
		if c.Wrong {
			as = wrong
		}
		fill(m, image.Rect(margin, Height-62, margin+8, Height-30), as)
		p.write(f.says, as, margin+22, Height-37, p.fit(f.says, c.Says, Width-2*margin-22))
	}
	p.race(&f, c.Lines, image.Rect(margin, y-14, Width-margin, bottom))
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic("card: a buffer takes everything: " + err.Error())
	}
	return b.Bytes()
}

type pen struct{ m *image.RGBA }

func fill(m *image.RGBA, r image.Rectangle, c color.RGBA) {
	draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// race draws lines into a panel: as many as have room, and the last of those that say what goes wrong.
func (p pen) race(f *faces, lines []string, at image.Rectangle) {
	if len(lines) == 0 {
		return
	}
	fill(p.m, at, line)
	fill(p.m, at.Inset(1), panel)
	for i, l := range shortened(lines, (at.Dy()-2*above)/leaded) {
		face, as := f.mono, ink
		switch {
		case strings.HasPrefix(l, "***"):
			face, as = f.strong, wrong
		case i == 0 && strings.HasPrefix(l, "CPU"):
			face = f.strong
		case strings.HasPrefix(l, "---"), strings.HasPrefix(l, "…"):
			as = muted
		}
		p.write(face, as, at.Min.X+inside, at.Min.Y+above+17+i*leaded, p.fit(face, l, at.Dx()-2*inside))
	}
}

// shortened leaves out of lines what has no room, and says how many: what goes wrong is said behind that.
func shortened(lines []string, room int) []string {
	if len(lines) <= room {
		return lines
	}
	var end []string
	for i, l := range lines {
		if strings.HasPrefix(l, "***") {
			end = lines[i : i+1]
			break
		}
	}
	head := room - 1 - len(end)
	left := len(lines) - head - len(end)
	return append(append(append([]string{}, lines[:head]...), fmt.Sprintf("… %d more lines", left)), end...)
}

func (p pen) write(face font.Face, c color.RGBA, x, y int, text string) {
	d := font.Drawer{Dst: p.m, Src: image.NewUniform(c), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

func (p pen) width(face font.Face, text string) int { return font.MeasureString(face, text).Ceil() }

// fit cuts a text that is too long for its room.
func (p pen) fit(face font.Face, text string, room int) string {
	if p.width(face, text) <= room {
		return text
	}
	cut := []rune(text)
	for len(cut) > 0 && p.width(face, string(cut)+"…") > room {
		cut = cut[:len(cut)-1]
	}
	return strings.TrimRight(string(cut), " ") + "…"
}

// wrap makes lines of a text, at most so many; the last of them is cut.
func (p pen) wrap(face font.Face, text string, room, most int) []string {
	var out []string
	for _, word := range strings.Fields(text) {
		if n := len(out); n > 0 && (n == most || p.width(face, out[n-1]+" "+word) <= room) {
			out[n-1] += " " + word
			continue
		}
		out = append(out, word)
	}
	if n := len(out); n > 0 {
		out[n-1] = p.fit(face, out[n-1], room)
	}
	return out
}
