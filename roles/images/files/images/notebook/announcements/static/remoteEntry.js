// Copyright (c) 2026, The labserver.jupyter authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A prebuilt extension without a build: the container that JupyterLab's loader expects, written by hand. It asks the hub
// every half minute what is announced and shows it in a bar below; an idle server can be kept with a button.
(function () {
  'use strict';
  const PERIOD = 30000;
  const COLOURS = { info: '#cfe2ff', warning: '#fff3cd', danger: '#f8d7da' };

  function hubPrefix() {
    const element = document.getElementById('jupyter-config-data');
    const config = element ? JSON.parse(element.textContent) : {};
    return config.hubPrefix || '';
  }

  function xsrf() {
    const found = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/);
    return found ? decodeURIComponent(found[1]) : '';
  }

  function show(bar, list, stay) {
    bar.replaceChildren();
    for (const one of list) {
      const line = document.createElement('div');
      line.className = 'labserver-announcement';
      line.setAttribute('role', 'status');
      line.style.cssText = 'padding:4px 12px;color:#212529;background:' + (COLOURS[one.severity] || COLOURS.info);
      line.textContent = one.text;
      if (one.stay) {
        const button = document.createElement('button');
        button.textContent = 'Keep my server';
        button.style.marginLeft = '12px';
        button.onclick = function () { stay(one.server || ''); };
        line.append(button);
      }
      bar.append(line);
    }
  }

  const plugin = {
    id: 'labserver-announcements:plugin',
    autoStart: true,
    activate: function () {
      const prefix = hubPrefix();
      if (!prefix) {
        return; // not started by a hub
      }
      const bar = document.createElement('div');
      bar.id = 'labserver-announcements';
      bar.style.cssText = 'position:fixed;left:0;right:0;bottom:24px;z-index:1000;font-size:13px';
      document.body.append(bar);
      const look = async function () {
        try {
          const answer = await fetch(prefix + 'announcements', { credentials: 'same-origin' });
          if (answer.ok) {
            show(bar, (await answer.json()).announcements, stay);
          }
        } catch (error) {
          console.debug('announcements: the hub does not answer', error);
        }
      };
      const stay = async function (server) {
        await fetch(prefix + 'stay', {
          method: 'POST',
          credentials: 'same-origin',
          headers: { 'X-XSRFToken': xsrf() },
          body: new URLSearchParams({ server: server }),
        });
        await look();
      };
      look();
      setInterval(look, PERIOD);
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB['labserver-announcements'] = {
    init: function () {},
    get: async function () {
      return function () {
        return { __esModule: true, default: plugin };
      };
    },
  };
})();
