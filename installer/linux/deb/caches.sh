#!/bin/sh
# Lets menus see what came or went. Nothing else: no service is started, and nobody's data is touched.
set -e
if command -v update-desktop-database >/dev/null; then
    update-desktop-database -q || true
fi
if command -v gtk-update-icon-cache >/dev/null && [ -d /usr/share/icons/hicolor ]; then
    gtk-update-icon-cache -q -t -f /usr/share/icons/hicolor || true
fi
