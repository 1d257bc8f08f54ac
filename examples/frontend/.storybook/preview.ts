import { mswLoader } from "msw-storybook-addon/csf3";

import { API } from "../src/list.js";
import { handlers } from "../src/mocks/prime/handlers.js";

// The project's loaders come before those of a story, which then asks the handlers.
export default { loaders: [mswLoader()], parameters: { msw: handlers(API) } };
