# Not published: a template. A release fills in version and sha256 (shasum -a 256 of the disk image), and its address.
cask "flowork" do
  version "@VERSION@"
  sha256 "@SHA256@"

  url "@ADDRESS@/Flowork-#{version}-arm64.dmg"
  name "Flowork"
  desc "Your own job gateway and engines, at home"
  homepage "@HOMEPAGE@"

  depends_on arch: :arm64
  depends_on macos: ">= :sonoma"

  app "Flowork.app"
  binary "#{appdir}/Flowork.app/Contents/MacOS/flowork-gateway", target: "flowork"

  uninstall quit:       "org.flowork.desktop",
            launchctl:  "org.flowork.desktop"

  zap trash: [
    "~/Library/Application Support/Flowork",
    "~/Library/LaunchAgents/org.flowork.desktop.plist",
  ]
end
