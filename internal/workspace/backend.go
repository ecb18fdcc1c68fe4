package workspace

// BackendFile is the one file in the folder of the configuration that belongs to
// the workshop and not to the learner: it says where Terraform's state is kept.
// Changed does not list it and Reset leaves it alone, because without it Terraform
// would begin with an empty state.
const BackendFile = "workshop_backend.tf"
