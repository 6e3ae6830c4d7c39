/** Which artifacts may be served: policy as data, decision as a pure function. */

export { type AdmissionPolicy, AdmissionPolicySchema, LOCAL_KEY } from './admission-policy.ts'
export { type Admission, type AdmissionFacts, type AdmissionReason, admit } from './admit.ts'
