/** The columns of UCI Adult that the model takes, as its callers know them. */
export interface NumericColumn {
  readonly name: string
  /** Its name in the file. */
  readonly source: string
  readonly description: string
  readonly unit: string
  readonly minimum: number
  readonly maximum: number
}

export interface CategoricalColumn {
  readonly name: string
  readonly source: string
  readonly description: string
}

export const NUMERIC_COLUMNS: readonly NumericColumn[] = [
  { name: 'age', source: 'age', description: 'Age', unit: 'years', minimum: 17, maximum: 90 },
  {
    name: 'education_num',
    source: 'education_num',
    description: 'Education, from 1 (preschool) over 9 (high school) and 13 (bachelor) to 16 (doctorate)',
    unit: 'level',
    minimum: 1,
    maximum: 16,
  },
  {
    name: 'capital_gain',
    source: 'capital_gain',
    description: 'Gains from selling assets in the year; the census caps it at its maximum',
    unit: 'USD',
    minimum: 0,
    maximum: 99_999,
  },
  {
    name: 'capital_loss',
    source: 'capital_loss',
    description: 'Losses from selling assets in the year',
    unit: 'USD',
    minimum: 0,
    maximum: 4356,
  },
  {
    name: 'hours_per_week',
    source: 'hr_per_week',
    description: 'Hours worked in a week',
    unit: 'hours',
    minimum: 1,
    maximum: 99,
  },
]

export const CATEGORICAL_COLUMNS: readonly CategoricalColumn[] = [
  { name: 'workclass', source: 'type_employer', description: 'Kind of employer' },
  { name: 'marital_status', source: 'marital', description: 'Marital status' },
  { name: 'occupation', source: 'occupation', description: 'Occupation' },
  { name: 'relationship', source: 'relationship', description: 'Role in the household' },
  { name: 'race', source: 'race', description: 'Race, as the census of 1994 recorded it' },
  { name: 'sex', source: 'sex', description: 'Sex, as the census of 1994 recorded it' },
  { name: 'native_country', source: 'country', description: 'Country of birth, spelled as in the data set' },
]

export const LABELS = ['<=50K', '>50K'] as const
