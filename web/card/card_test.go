package card

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"
)

var diagram = strings.Split(`CPU0 (P0)   CPU1 (P1)
---------   ---------
gup_fast(): disable interrupts
gup_fast_pte_range(): read the PTE: frame 1 W D A
            try_to_unmap_one(): clear the PTE: it was frame 1 W D A
*** gup-returns-only-mapped-pages is false`, "\n")

func drawn(t *testing.T, c *Card) image.Image {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(PNG(c)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds() != image.Rect(0, 0, Width, Height) {
		t.Fatalf("it is %v", m.Bounds())
	}
	return m
}

// inked counts the pixels of exactly that colour.
func inked(m image.Image, c color.RGBA, in image.Rectangle) (n int) {
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			if r, g, b, _ := m.At(x, y).RGBA(); uint8(r>>8) == c.R && uint8(g>>8) == c.G && uint8(b>>8) == c.B {
				n++
			}
		}
	}
	return n
}

// What a card is given is drawn, in its colour, and nothing of it runs out of the picture.
func TestPNG(t *testing.T) {
	c := Card{Title: "gup-fast-vs-reclaim", Kernel: "v6.12", About: "A race.", Lines: diagram, Says: "Sometimes, 48 steps", Wrong: true}
	m := drawn(t, &c)
	rim := []image.Rectangle{image.Rect(0, 0, margin, Height), image.Rect(Width-margin, 0, Width, Height)}
	for _, r := range rim {
		if n := inked(m, paper, r); n != r.Dx()*r.Dy() {
			t.Errorf("something stands in the margin %v", r)
		}
	}
	foot := image.Rect(0, Height-70, Width, Height)
	if inked(m, wrong, foot) < 300 || inked(m, good, foot) > 0 || inked(m, wrong, image.Rect(0, 200, Width, Height-70)) < 300 || inked(m, blue, m.Bounds()) < 300 {
		t.Error("the verdict, what goes wrong, or the name is not drawn in its colour")
	}
	c.Wrong, c.Lines = false, diagram[:5]
	if m := drawn(t, &c); inked(m, good, foot) < 300 || inked(m, wrong, m.Bounds()) > 0 {
		t.Error("what goes well is drawn as what goes wrong")
	}
	long := strings.Repeat("a long word ", 60)
	m = drawn(t, &Card{Title: long, Kernel: long, About: long, Says: long, Lines: slices.Repeat([]string{long}, 90)})
	for _, r := range rim {
		if n := inked(m, paper, r); n != r.Dx()*r.Dy() {
			t.Errorf("what is long runs into the margin %v", r)
		}
	}
	drawn(t, &Card{})
}

// A line of 75 characters, as the diagram's are, has room. Of more lines than have room, the first are drawn, and the one that says what goes wrong.
func TestLinesHaveRoom(t *testing.T) {
	p, f := pen{image.NewRGBA(image.Rect(0, 0, 1, 1))}, newFaces()
	if w := p.width(f.strong, strings.Repeat("m", 75)); w > Width-2*margin-2*inside {
		t.Errorf("75 characters are %d px wide", w)
	}
	var many []string
	for n := range 40 {
		many = append(many, fmt.Sprint("step ", n))
	}
	many = append(many, "*** a claim is false", "", "    P0 p is frame 1")
	got := shortened(many, 10)
	if want := append(many[:8:8], "… 34 more lines", "*** a claim is false"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := shortened(diagram, 6); !slices.Equal(got, diagram) {
		t.Errorf("%q", got)
	}
}
