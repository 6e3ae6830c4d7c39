import { SallyportError } from '../../core/index.ts'
import type { AdmissionReason } from '../admission/index.ts'
import type { ModelVersion } from './model-version.ts'

export function notAdmitted(
  reasons: readonly AdmissionReason[],
  details: Readonly<Record<string, unknown>> = {},
): SallyportError {
  const texts = reasons.map((reason) => reason.message).join('; ')
  return new SallyportError('supply.not-admitted', `the model is not admitted: ${texts}`, {
    kind: 'refused',
    remedy: 'mend the model, or change the admission policy if you accept the risk',
    details: { reasons, ...details },
  })
}

export function versionRevoked({ model, version, history }: ModelVersion): SallyportError {
  const reason = history.find((change) => change.status === 'revoked')?.reason
  return new SallyportError(
    'supply.version-revoked',
    `${model}@${version} is revoked${reason === undefined ? '' : `: ${reason}`}`,
    {
      kind: 'refused',
      remedy: 'deploy another version; a revoked one never comes back',
      details: { model, version },
    },
  )
}

export function versionUnknown(model: string, version: string): SallyportError {
  return new SallyportError('supply.version-unknown', `there is no ${model}@${version}`, {
    kind: 'not-found',
    remedy: '`sallyport model list` shows what there is',
  })
}
