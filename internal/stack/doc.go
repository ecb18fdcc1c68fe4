// Package stack is Terraform's life cycle as typed events: find Terraform,
// initialise, plan, apply that very plan, destroy, and read what is there.
//
// terraform-exec finds out Terraform's version. Everything else runs the same
// command lines through os/exec, because terraform-exec
//   - refuses TF_VAR_ variables in the environment, and the -var options that it
//     has instead outrank terraform.tfvars: a bare `terraform plan` of the
//     learner would then see other values than ours;
//   - hides the process, so that a second, harder stop is impossible, and so is
//     ending what a dead owner left;
//   - kills Terraform when its owner dies, before the state is saved, and leaves
//     its providers running;
//   - starts a process group only on Linux. Elsewhere a Ctrl-C in the terminal
//     would reach Terraform too, next to our own interrupt, and Terraform takes
//     two interrupts as the order to leave without saving.
package stack
