# The whole farm, with nothing but what Terraform brings along. One script a machine and one connection for it: a
# provisioner for each file would log in for each. What is wanted is in farm.auto.tfvars.json.
terraform {
  required_version = ">= 1.4"
}

variable "sites" {
  type = list(object({ serverName = string, root = string, vips = list(string) }))
}

variable "routes" {
  description = "Next hop of each VIP subnet."
  type        = map(string)
}

variable "serial" {
  type = number
}

locals {
  servers = { web1 = "192.0.2.2", web2 = "192.0.2.3", web3 = "192.0.2.4", web4 = "192.0.2.5" }
  server  = templatefile("${path.module}/server.sh.tftpl", { sites = var.sites, prefixes = keys(var.routes) })
  scripts = merge(
    { for name, address in local.servers : name => { address = address, text = local.server } },
    {
      r1 = {
        address = "192.0.2.1"
        text    = templatefile("${path.module}/router.sh.tftpl", { routes = var.routes })
      }
      ns1 = {
        address = "192.0.2.10"
        text    = templatefile("${path.module}/nameserver.sh.tftpl", { sites = var.sites, serial = var.serial })
      }
    },
  )
}

resource "terraform_data" "machine" {
  for_each         = local.scripts
  triggers_replace = sha256(each.value.text)

  connection {
    host        = each.value.address
    user        = "root"
    private_key = file(pathexpand("~/.ssh/id_ed25519"))
    agent       = false
  }

  provisioner "remote-exec" {
    inline = [each.value.text]
  }
}
