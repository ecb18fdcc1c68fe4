package lesson

import (
	"slices"
	"strings"
)

// Screen is a page of the program as texts name it: {{ pages.live }} is the title of
// the page with the slug live, {{ keys.live }} the key that opens the page.
type Screen struct{ Slug, Title, Key string }

// ScreenVariable returns the value of a variable that names one of the screens; ok
// is false for every other variable.
func ScreenVariable(screens []Screen, name string) (value string, ok bool) {
	group, slug, _ := strings.Cut(name, ".")
	i := slices.IndexFunc(screens, func(s Screen) bool { return s.Slug == slug })
	switch {
	case i < 0:
		return "", false
	case group == "pages":
		return screens[i].Title, true
	case group == "keys":
		return screens[i].Key, true
	}
	return "", false
}
