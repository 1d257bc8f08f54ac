export default {
  framework: "@storybook/html-vite",
  stories: ["../src/*.stories.ts"],
  addons: ["msw-storybook-addon"],
  staticDirs: ["../public"],
  core: { disableTelemetry: true },
};
