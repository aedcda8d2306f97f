// Package ecs holds what Amazon ECS knows: the world's clusters, task
// definitions with their revisions, and services, in a file that outlives the
// process.
//
// It refuses what ECS refuses for Fargate (docs/facts.md §4 and §7): sizes that
// Fargate does not offer, a missing execution role, roles of another account,
// networks that do not exist, unknown clusters and task definitions, and a
// service of a name that is still draining. Messages are those of ECS where
// they are known; a comment says where they are not.
//
// It does not run tasks: an agent reads services and task definitions here. It
// models the launch type FARGATE with the rolling deployment controller; load
// balancers, Service Connect, volumes of services and EC2 capacity are refused by the
// provider in front, and sizes with units here.
package ecs
