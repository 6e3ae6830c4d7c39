import type { OnnxTensor } from '../../../formats/index.ts'
import type { FindingList } from '../finding-list.ts'
import { EXTERNAL_DATA, EXTERNAL_DATA_ESCAPE, EXTERNAL_DATA_RANGE } from './rules.ts'
import type { Placed } from './walk.ts'

/**
 * A tensor may name a file that holds its values (onnx docs/ExternalData.md). The loader opens it with its own rights, so
 * a name that leads out of the model's folder reads any file of the machine into a tensor.
 */
export function checkExternalData({ part: tensor, where }: Placed<OnnxTensor>, findings: FindingList): void {
  // Entries count even when the tensor says its values are inside: which of the two wins is the loader's business.
  if (!tensor.isExternal && tensor.externalData.length === 0) return
  const place = { member: where, offset: tensor.offset }
  const locations = tensor.externalData.filter((entry) => entry.key === 'location')
  for (const { value } of locations) {
    const reason = escapeOf(value)
    if (reason !== undefined) findings.add(EXTERNAL_DATA_ESCAPE, `external data ${reason}`, place, value)
  }
  if (locations.length > 1) {
    findings.add(
      EXTERNAL_DATA_ESCAPE,
      'external data has two locations, and loaders differ in which they take',
      place,
    )
  }
  for (const { key, value } of tensor.externalData) {
    if ((key === 'offset' || key === 'length') && !isReasonable(value)) {
      findings.add(EXTERNAL_DATA_RANGE, `external data has an impossible ${key}`, place, value)
    }
  }
  findings.add(EXTERNAL_DATA, 'the values of a tensor stand in another file', place, locations[0]?.value)
}

function escapeOf(location: string): string | undefined {
  if (location === '') return 'names no file'
  if (location.includes('_ORT_MEM_ADDR_')) return 'names an address in memory'
  if (location.includes('\0')) return 'has a NUL in its name'
  if (location.includes('\\')) return 'has a backslash in its name'
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return 'is a URL or has a drive letter'
  if (location.startsWith('/') || location.startsWith('~')) return 'has an absolute name'
  if (location.split('/').includes('..')) return 'leads out of the folder'
  if (location.includes('%2e') || location.includes('%2f') || /\$[({A-Za-z]/.test(location)) {
    return 'has an escape or a variable in its name'
  }
  return undefined
}

/** A byte count: decimal, and within what a file can have. */
function isReasonable(text: string): boolean {
  return /^\d{1,16}$/.test(text) && Number(text) <= 2 ** 45
}
