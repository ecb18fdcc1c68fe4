package ec2

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

//go:generate python3 filters.py testdata/filters.txt

// Every filter that the API reference has is known, and one that it does not have is
// refused. filters.py writes the list.
func TestDocumentedFilters(t *testing.T) {
	list, err := os.ReadFile("testdata/filters.txt")
	if err != nil {
		t.Fatal(err)
	}
	w := newAccount(t, "", Timing{})
	n := 0
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		for _, name := range fields[1:] {
			n++
			value := "x"
			if name == "group-id" { // whose form is checked
				value = "sg-0"
			}
			if answer, status := w.try(fields[0], "Filter.1.Name="+name, "Filter.1.Value.1="+value); status != http.StatusOK {
				t.Errorf("%s %s: %s", fields[0], name, answer.one("Errors/Error/Message"))
			}
		}
		w.refused("InvalidParameterValue", "The filter 'no-such-filter' is invalid", fields[0], "Filter.1.Name=no-such-filter", "Filter.1.Value.1=x")
	}
	if n < 150 {
		t.Errorf("tried %d filters", n)
	}
}
