// Package policy is the policy language of AWS IAM: it reads documents as the
// service that stores them does, and evaluates them against a request.
//
// The language is that of docs/facts.md §4 and §7 and of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html:
// Version 2008-10-17 and 2012-10-17, one statement or a list, Effect,
// Principal, Action, Resource, Condition with the operators for text and ARNs and the
// IfExists suffix, values that are text. The Not… elements, all other operators, the
// ForAllValues: and ForAnyValue: qualifiers, SAML providers and policy variables are
// refused: the sandbox does not model them.
//
// [Parse] refuses text that is no document at its first problem: unknown elements, a
// key that is written twice, null. It refuses a document with every problem at once:
// elements that its [Kind] does not have, unknown operators, ARNs and actions that are
// none.
// [Evaluate] answers who decided and why, in the words of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
//
// It does not know which principals exist: package iam does. Organizations'
// control policies, VPC endpoint policies and access control lists are not
// modelled; there are none in a sandbox.
package policy
