package tui_test

import (
	"errors"
	"testing"
	"time"

	"workshop/internal/fargate"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

// manyServices is a session of somebody's account.
func manyServices() *tuitest.Session {
	s := tuitest.NewUp()
	s.Others = []fargate.Cluster{
		{Name: "empty"},
		{Name: "locked", Err: errors.New("list the services of locked: AWS does not permit it")},
		{Name: "shop", Services: []fargate.Service{
			{Cluster: "shop", Name: "basket", Status: "ACTIVE", Desired: 3, Running: 1, Rollout: "COMPLETED"},
			{Cluster: "shop", Name: "checkout", Status: "ACTIVE", Desired: 2, Running: 2, Rollout: "COMPLETED"},
			{Cluster: "shop", Name: "mail", Status: "ACTIVE", Desired: 1, Running: 1, Rollout: "IN_PROGRESS"},
			{Cluster: "shop", Name: "orders\x1b[31m", Status: "ACTIVE", Desired: 2, Running: 0, Rollout: "FAILED"},
			{Cluster: "shop", Name: "old", Status: "DRAINING", Desired: 0, Running: 1},
		}},
	}
	return s
}

func viewer(p fargate.Place) tui.Options { return tui.Options{Viewer: &p} }

func TestServices(t *testing.T) {
	for name, size := range map[string][2]int{"services-80x24": {80, 24}, "services-120x40": {120, 40}} {
		drive(t, manyServices, size[0], size[1], viewer(fargate.Place{}), func(st *driver) {
			st.golden(name)
			st.seesNot("nothing deployed", "Guide")
			st.press("enter") // a cluster without a service is nothing to look at
			st.sees("Services   5 services in 3 clusters")
			st.press("down", "down", "down", "enter")
			st.called("look at shop checkout")
			st.sees("Service ", "2 of 2 running")
			st.press("g") // the diagram is of the workshop's own stack
			st.seesNot("diagram")
			st.press("f")
			st.sees("This is about the service checkout in the cluster shop.")
			st.press("esc", "esc")
			st.sees("Services   5 services")
			st.press("/", "m", "a", "i", "enter", "enter")
			st.called("look at shop checkout", "look at shop mail")
		})
	}
	drive(t, manyServices, 80, 24, viewer(fargate.Place{Cluster: "empty"}), func(st *driver) {
		st.sees("0 services in 3 clusters   / empty", "no service")
		st.press("2")
		st.sees("No service was chosen yet")
		st.press("3")
		st.sees("No service was chosen yet")
		st.press("q")
	})
	denied := func() *tuitest.Session {
		s := manyServices()
		s.Others, s.OthersErr = nil, errors.New("list the clusters: AWS does not permit it")
		return s
	}
	drive(t, denied, 80, 24, viewer(fargate.Place{}), func(st *driver) {
		st.sees("list the clusters: AWS does not permit it", "f5 tries again")
	})
	drive(t, tuitest.NewUp, 80, 24, viewer(fargate.Place{}), func(st *driver) {
		st.sees("There is no cluster here")
	})
}

// Another profile is another account: what is listed then is asked for anew.
func TestOtherProfileAndRegion(t *testing.T) {
	aws := func() *tuitest.Session {
		s := manyServices()
		s.Info.Sandbox, s.Info.Account = false, "123456789012"
		return s
	}
	drive(t, aws, 80, 24, viewer(fargate.Place{}), func(st *driver) {
		st.press("R")
		st.sees("Which Region?")
		st.press("e", "u", "-", "w", "e", "s", "t", "-", "9", "enter")
		st.sees(`There is no Region "eu-west-9"`)
		st.press("R")
		st.press("e", "u", "-", "w", "e", "s", "t", "-", "3", "enter")
		st.wait(time.Second)
		st.sees("eu-west-3", "5 services in 3 clusters")
		st.press("P")
		st.sees("Which profile?", "account 123456789012")
		st.press("w", "o", "r", "k", "enter")
		st.wait(time.Minute)
		st.sees("5 services in 3 clusters")
		st.called("look at  ", "look at   with work")
		st.s.OthersErr = errors.New("list the clusters: AWS does not permit it")
		st.press("f5")
		st.wait(time.Second)
		st.sees("AWS does not permit it")
	})
	drive(t, manyServices, 80, 24, viewer(fargate.Place{}), func(st *driver) { // the sandbox has neither
		st.press("R", "P")
		st.seesNot("Which")
	})
}

// A service that was named is shown at once.
func TestNamedService(t *testing.T) {
	o := viewer(fargate.Place{Cluster: "shop", Service: "checkout"})
	o.Page = "live"
	drive(t, manyServices, 80, 24, o, func(st *driver) {
		st.sees("2 Live", "2 of 2 running")
	})
}
