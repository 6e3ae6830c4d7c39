import { SallyportError } from '../core/index.ts'

/** The one thing a caller learns when authentication fails, whatever the reason was. */
export function unauthenticated(): SallyportError {
  return new SallyportError('identity.unauthenticated', 'the API key is missing or not valid', {
    kind: 'unauthenticated',
    remedy: 'send a valid key as `Authorization: Bearer sp_…`',
  })
}
