package session

// MostTasks is the most that one workshop may ask for: each costs money on AWS.
const MostTasks = 10

// What actions on the service do, for whoever asks before they are done.
const (
	StopTaskDoes = "ECS sends it SIGTERM and takes it out of the load balancer. The service sees that one is missing and starts another. The task's logs are kept."
	RedeployDoes = "ECS starts a fresh task for every one that runs, waits until it is healthy, and only then stops the old one. The URL answers all the while."
	ScaleCosts   = "On AWS every task costs money while it runs."
)
