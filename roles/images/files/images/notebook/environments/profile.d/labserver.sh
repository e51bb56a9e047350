# A terminal is a login shell, for which /etc/profile sets PATH anew: without JupyterLab's Python and people's own commands.
case ":$PATH:" in
  *:/opt/jupyter/bin:*) ;;
  *) PATH="/opt/jupyter/bin:$PATH" ;;
esac
case ":$PATH:" in
  *:"$HOME/.local/bin":*) ;;
  *) PATH="$PATH:$HOME/.local/bin" ;;
esac
export PATH
# Only names of folders are looked at, so that a terminal opens at once.
for labserver_folder in "$HOME"/.local/lib/python3.*; do
  case $- in *i*) ;; *) break ;; esac
  [ -d "$labserver_folder/site-packages" ] || continue
  [ -e "/opt/jupyter/lib/${labserver_folder##*/}" ] && continue
  echo "Packages in ~/.local were installed for ${labserver_folder##*/}, which this image does not have: labserver-environments"
done
unset labserver_folder
