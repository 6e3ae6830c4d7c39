import { ACCELERATE } from './libraries/accelerate.ts'
import { CATBOOST } from './libraries/catboost.ts'
import { CATEGORY_ENCODERS } from './libraries/category-encoders.ts'
import { GENSIM } from './libraries/gensim.ts'
import { HDBSCAN } from './libraries/hdbscan.ts'
import { HMMLEARN } from './libraries/hmmlearn.ts'
import { IMBLEARN } from './libraries/imblearn.ts'
import { JOBLIB } from './libraries/joblib.ts'
import { LIGHTGBM } from './libraries/lightgbm.ts'
import { LIGHTNING } from './libraries/lightning.ts'
import { NETWORKX } from './libraries/networkx.ts'
import { NLTK } from './libraries/nltk.ts'
import { NUMPY } from './libraries/numpy.ts'
import { OMEGACONF } from './libraries/omegaconf.ts'
import { PANDAS } from './libraries/pandas.ts'
import { PEFT } from './libraries/peft.ts'
import { PYTORCH_LIGHTNING } from './libraries/pytorch-lightning.ts'
import { SCIPY } from './libraries/scipy.ts'
import { SKLEARN } from './libraries/sklearn.ts'
import { STATSMODELS } from './libraries/statsmodels.ts'
import { TIMM } from './libraries/timm.ts'
import { TORCH } from './libraries/torch.ts'
import { TORCH_GEOMETRIC } from './libraries/torch-geometric.ts'
import { TORCHMETRICS } from './libraries/torchmetrics.ts'
import { TORCHVISION } from './libraries/torchvision.ts'
import { TRANSFORMERS } from './libraries/transformers.ts'
import { ULTRALYTICS } from './libraries/ultralytics.ts'
import { UMAP } from './libraries/umap.ts'
import { XGBOOST } from './libraries/xgboost.ts'
import type { LibraryTable } from './library.ts'

const TABLES: ReadonlyMap<string, LibraryTable> = new Map([
  ['accelerate', ACCELERATE],
  ['catboost', CATBOOST],
  ['category_encoders', CATEGORY_ENCODERS],
  ['gensim', GENSIM],
  ['hdbscan', HDBSCAN],
  ['hmmlearn', HMMLEARN],
  ['imblearn', IMBLEARN],
  ['joblib', JOBLIB],
  ['lightgbm', LIGHTGBM],
  ['lightning', LIGHTNING],
  ['networkx', NETWORKX],
  ['nltk', NLTK],
  ['numpy', NUMPY],
  ['omegaconf', OMEGACONF],
  ['pandas', PANDAS],
  ['peft', PEFT],
  ['pytorch_lightning', PYTORCH_LIGHTNING],
  ['scipy', SCIPY],
  ['sklearn', SKLEARN],
  ['statsmodels', STATSMODELS],
  ['timm', TIMM],
  ['torch', TORCH],
  ['torch_geometric', TORCH_GEOMETRIC],
  ['torchmetrics', TORCHMETRICS],
  ['torchvision', TORCHVISION],
  ['transformers', TRANSFORMERS],
  ['ultralytics', ULTRALYTICS],
  ['umap', UMAP],
  ['xgboost', XGBOOST],
])

/** The names of a library by its root package. */
export function libraryTable(root: string): LibraryTable | undefined {
  return TABLES.get(root)
}
