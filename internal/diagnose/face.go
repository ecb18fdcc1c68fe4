package diagnose

import "strings"

// Face says how one face of the program names its places, so that an answer can
// send a person there.
type Face struct {
	Plan    string // where a plan is made
	Tasks   string // where the service, its tasks and its events are shown
	Logs    string // where the logs are shown
	CleanUp string // where everything is deleted, and what is left is listed
	Tofu    bool   // OpenTofu runs the configuration, not Terraform
}

// openTofu writes a text about Terraform for a person who runs OpenTofu, whose commands
// are the same.
var openTofu = strings.NewReplacer("`terraform ", "`tofu ", "Terraform", "OpenTofu")

// Command is the face of the command line. Its commands work for people in front
// of the screens too, so an answer is written for it unless On is called.
var Command = Face{Plan: "`workshop plan`", Tasks: "`workshop status`", Logs: "`workshop logs`", CleanUp: "`workshop destroy`"}

// Other is the face of the command line for a service that is not the workshop's: its
// configuration is elsewhere.
var Other = Face{Plan: "with the configuration that it was made from", Tasks: Command.Tasks, Logs: Command.Logs, CleanUp: Command.CleanUp}

// render writes the places into a text; a place that begins a sentence gets a
// capital letter.
func (f Face) render(text string) string {
	var pairs []string
	for name, place := range map[string]string{"{plan}": f.Plan, "{tasks}": f.Tasks, "{logs}": f.Logs, "{clean-up}": f.CleanUp} {
		if place != "" {
			pairs = append(pairs, ". "+name, ". "+strings.ToUpper(place[:1])+place[1:])
		}
		pairs = append(pairs, name, place)
	}
	out := strings.NewReplacer(pairs...).Replace(text)
	if strings.HasPrefix(text, "{") {
		out = strings.ToUpper(out[:1]) + out[1:]
	}
	return out
}

// On returns the answer as it is written for a face. An answer that was stored
// and read again stays as it is.
func (a Answer) On(f Face) Answer {
	if a.do != "" {
		a.Do = f.render(a.do)
	}
	if f.Tofu {
		a.What, a.Do = openTofu.Replace(a.What), openTofu.Replace(a.Do)
	}
	return a
}

// With returns the answer with a further sentence on what to do.
func (a Answer) With(sentence string) Answer {
	a.Do += sentence
	if a.do != "" {
		a.do += sentence
	}
	return a
}
