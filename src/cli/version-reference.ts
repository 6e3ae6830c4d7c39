import { isName, SallyportError } from '../core/index.ts'

/** Parses `MODEL@VERSION`. */
export function parseVersionReference(reference: string): {
  readonly model: string
  readonly version: string
} {
  const [model, version, ...rest] = reference.split('@')
  if (model !== undefined && version !== undefined && rest.length === 0 && isName(model) && isName(version)) {
    return { model, version }
  }
  throw new SallyportError('cli.version-reference', `'${reference}' is not of the form MODEL@VERSION`, {
    kind: 'invalid',
    remedy: 'for example income@1; `sallyport model list` shows what there is',
  })
}
