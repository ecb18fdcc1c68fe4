# Which Terraform and which provider this configuration is written for, and
# how it reaches AWS.

terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7" # 5.100 or later, or any 6
    }
  }
}

# There are no credentials here: the provider takes them, and the region unless
# you set one, from the environment.
provider "aws" {
  region = var.region

  # These tags go on everything below, so that you can find it all again.
  default_tags {
    tags = merge(
      {
        Workshop  = "fargate-with-terraform"
        Workspace = var.workspace_id
        ManagedBy = "terraform"
      },
      var.room == "" ? {} : { Room = var.room },
    )
  }
}
