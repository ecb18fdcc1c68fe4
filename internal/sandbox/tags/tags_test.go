package tags

import (
	"maps"
	"slices"
	"testing"
)

type tag struct{ key, value *string }

func newTag(key, value *string) tag     { return tag{key, value} }
func pair(t tag) (key, value *string)   { return t.key, t.value }
func keyOf(t tag) string                { return *t.key }
func list(m map[string]string) []tag    { return List(m, newTag) }
func equal(a, b map[string]string) bool { return maps.Equal(a, b) }
func shown(l []tag) (out []string) {
	for _, t := range l {
		out = append(out, *t.key+"="+*t.value)
	}
	return
}

func TestMaps(t *testing.T) {
	before := map[string]string{"a": "1", "b": "2"}
	if got := Merge(before, map[string]string{"b": "3", "c": "4"}); !equal(got, map[string]string{"a": "1", "b": "3", "c": "4"}) {
		t.Errorf("merged: %v", got)
	}
	if got := Without(before, []string{"a", "z"}); !equal(got, map[string]string{"b": "2"}) {
		t.Errorf("without: %v", got)
	}
	if !equal(before, map[string]string{"a": "1", "b": "2"}) {
		t.Errorf("changed: %v", before)
	}
	if got := Merge(nil, nil); got == nil {
		t.Error("no tags are nil")
	}
	if got := Map(list(before), pair); !equal(got, before) {
		t.Errorf("there and back: %v", got)
	}
	key := "k"
	if got := Map([]tag{{&key, nil}}, pair); !equal(got, map[string]string{"k": ""}) {
		t.Errorf("without a value: %v", got)
	}
	if got := list(nil); got == nil || len(got) != 0 {
		t.Errorf("the list of none is %v", got)
	}
}

func TestLists(t *testing.T) {
	before := list(map[string]string{"b": "2", "a": "1"})
	got := MergeList(before, list(map[string]string{"c": "4", "a": "3"}), keyOf)
	if want := []string{"a=3", "b=2", "c=4"}; !slices.Equal(shown(got), want) {
		t.Errorf("merged: %v", shown(got))
	}
	got = WithoutKeys(got, []string{"a", "c"}, keyOf)
	if want := []string{"b=2"}; !slices.Equal(shown(got), want) {
		t.Errorf("without: %v", shown(got))
	}
	if want := []string{"a=1", "b=2"}; !slices.Equal(shown(before), want) {
		t.Errorf("changed: %v", shown(before))
	}
	if MergeList[tag](nil, nil, keyOf) == nil || WithoutKeys[tag](nil, nil, keyOf) == nil {
		t.Error("no tags are nil")
	}
}
